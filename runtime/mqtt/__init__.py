"""MQTT: a client's session, the embedded broker, and what can go wrong between them.

In: events with topics and payloads, and faults. Out: events at their subscribers, or not. `session` is one client's
connection, `broker` embeds amqtt and follows it with the broker's chart, `faults` says which event is lost, late or
doubled on which hop, `in_flight` bounds what is not acknowledged, `tapped` and `observer` watch. Begin with `session`.
"""
