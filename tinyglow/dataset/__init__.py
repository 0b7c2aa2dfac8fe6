"""Data sets of small pictures in class folders: drawn, looked through, converted, balanced and split."""
