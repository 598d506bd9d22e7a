# Filled with the library.
