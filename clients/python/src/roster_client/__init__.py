"""Client of the Roster API: typed operations, a token that renews itself, lists over all pages, and problems as exceptions.

The operations are the modules of `roster_client.openapi.api`, generated from the API's document.
"""

from roster_client.client import Roster, items, unwrap
from roster_client.problem import ProblemError
from roster_client.session import Tokens

__all__ = ["ProblemError", "Roster", "Tokens", "items", "unwrap"]
