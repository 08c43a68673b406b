"""How well shift cards predict the gain of RevIN."""
