"""An image or a build as one page: sizes, times, dependencies."""
