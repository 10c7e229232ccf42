"""How hosts are reached: one module or package per way, found through the registry and never imported by name."""
