import weakref


class Node:
    pass


node = Node()
node.parent = weakref.ref(node)
expected = "node.parent", "a weak reference"
