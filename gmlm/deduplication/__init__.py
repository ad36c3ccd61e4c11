"""Finds equal and nearly equal documents among any number, in bounded memory."""
