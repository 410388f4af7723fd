"""What is on the wire: events as JSON.

In: the payload of an MQTT message. Out: an event, or an error that says where the payload is wrong; and the other way
round. `events` maps each event to its JSON, `strict_json` reads nothing that is not meant: no duplicate keys, no NaN,
no key that nobody knows. Begin with `events`.
"""
