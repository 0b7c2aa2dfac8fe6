"""One HTML file that shows what the compiler did with a network."""
