"""The statecharts of `machines` live: asyncio, MQTT, an embedded broker with faults, the command line."""
