"""The demo: a tea and homeware shop, thirty days of it, and the screen that makes sense of them."""
