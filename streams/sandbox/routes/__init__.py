"""Handlers of the API's operations: functions `(account, request) -> response`."""
