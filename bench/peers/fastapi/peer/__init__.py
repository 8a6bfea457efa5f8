"""The users API of the bench on FastAPI: the same work as Roster's components."""
