"""What the commands do, one module a verb; `cli` only declares their options."""
