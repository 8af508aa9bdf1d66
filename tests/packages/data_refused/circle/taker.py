import threading

from data_refused.circle import NUMBER

lock = threading.Lock()
number = NUMBER
