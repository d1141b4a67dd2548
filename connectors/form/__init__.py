"""Web form: a page anybody can fill in, hosted here or embedded in a company's site."""
