"""What a render needs of memory, and where its networks lie: sizes, plans, modes."""
