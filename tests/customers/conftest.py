"""People and channels that the tests of customers' pages share."""

from __future__ import annotations

from typing import Any

import pytest

from helpdesk.services import search
from helpdesk.unit_of_work import unit_of_work


@pytest.fixture
def person(make: Any) -> Any:
    """make.customer, found by search too."""

    def _person(name: str = "", **values: Any) -> Any:
        customer = make.customer(name, **values)
        with unit_of_work() as work:
            search.index_customer(work.session, customer.id)
        return customer

    return _person


@pytest.fixture
def desk(make: Any) -> Any:
    """A signed-in administrator's browser; `.viewer` is who they are."""
    from helpdesk.access import viewer_of

    agent = make.agent("admin", name="Trần Linh")
    client = make.client(agent)
    client.viewer = viewer_of(agent)
    return client
