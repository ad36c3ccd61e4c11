"""What watches a run: dashboards and rules for Grafana and Prometheus, and the same figures in the terminal."""
