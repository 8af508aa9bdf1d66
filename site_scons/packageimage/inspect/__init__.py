"""Read images and objects of any platform on any host."""
