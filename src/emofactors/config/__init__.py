"""Configuration: typed, frozen sections, one module per folder of config/."""
