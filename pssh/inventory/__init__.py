"""What is known of the fleet before anything connects: inventories, and the target expressions over them."""
