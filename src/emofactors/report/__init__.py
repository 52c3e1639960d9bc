"""The tables and figures of the paper, and one page that holds them."""
