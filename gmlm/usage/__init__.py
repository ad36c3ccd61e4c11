"""What work uses: time, CPU, GPUs and energy. Kept apart from outputs, whose bytes no measurement may change."""
