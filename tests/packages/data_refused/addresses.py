class Node:
    pass


NODES = {1: {Node(), Node()}}
expected = "NODES[1]", "a set in an order that addresses decide"
