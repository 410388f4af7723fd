"""What TLS has against a connection, where the MQTT client does not say it."""

import ssl

from paho.mqtt.enums import LogLevel


class LastError:
    """The last error of TLS that paho would log: it tells its callers less, if anything."""

    def __init__(self) -> None:
        self.said = ""

    def note(self, level: int, _text: str, *given: object) -> None:
        """Take the place of paho's own, which looks at each packet whether it is to be logged."""
        if level == LogLevel.MQTT_LOG_ERR and any(isinstance(one, ssl.SSLError) for one in given):
            self.said = str(given[-1])  # that a connection was reset is no more than that it broke
