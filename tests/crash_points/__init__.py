"""A worker dies at every place on the road of a call, survivors finish what it left, and the promises are looked at."""
