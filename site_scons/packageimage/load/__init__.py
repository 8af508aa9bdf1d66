"""The runtime: find, check, choose, bind and attach images."""
