"""A torrent server as somebody writes it with paho-mqtt alone: `torrent_paho.py HOST PORT ID [FAULT]`.

It knows the wire format and the courses of the protocol, and nothing of this project. FAULT names a mistake.
Its timeouts last TIMEOUT seconds, which is taken from the environment.
"""

import json
import os
import signal
import sys
import threading
import uuid

import paho.mqtt.client as mqtt

HOST, PORT, ID = sys.argv[1], int(sys.argv[2]), sys.argv[3]
FAULT = sys.argv[4] if len(sys.argv) > 4 else ""
TOPICS = (
    "tracker/hello", "tracker/goodbye", "clients/join/accepted", "clients/join/denied", "clients/registered",
    "clients/goodbye", "files/info", "fragments/distribution/started", "fragments/distribution/delivered",
    "fragments/distribution/ended",
)  # fmt: skip
TIMEOUT = float(os.environ.get("TIMEOUT", "30"))


class Torrent:
    def __init__(self):
        self.files = {"my-file": {"Size": 10, "FragmentSequence": ["my-fragment"]}}
        self.fragments = {"my-fragment": {"Size": 10}}
        self.state = "starting"
        self.hello = None
        self.granted = 0
        self.topics = TOPICS[:5] if FAULT == "subscribes to less" else TOPICS
        self.timer = None
        self.lock = threading.RLock()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=ID)
        self.client.on_connect = self.connected
        self.client.on_subscribe = self.subscribed
        self.client.on_message = self.message

    def connected(self, client, _data, _flags, reason, _properties):
        if reason.is_failure:
            raise SystemExit(1)
        self.granted = 0
        for topic in self.topics:
            client.subscribe(topic, 2)

    def subscribed(self, client, _data, _mid, codes, _properties):
        with self.lock:
            if any(code.is_failure for code in codes) and FAULT != "goes on when refused":
                self.state = "refused"
                if FAULT != "stays when refused":
                    client.disconnect()
            if self.state == "refused":
                return
            self.granted += 1
            if self.granted == len(self.topics):
                self.join()

    def publish(self, topic, **properties):
        event = {"EventId": str(uuid.uuid4()), **properties}
        if topic.startswith("clients"):
            event.setdefault("ClientIdentifier", ID)
        return self.client.publish(topic, json.dumps(event), 2)

    def join(self):
        self.state = "asked"
        self.set_timer()
        self.publish(
            "clients/join/requested",
            HashAlgorithm="sha-256",
            KnownFileInfos=self.files,
            StoredFragments=self.fragments,
            Endpoints=[f"http://{ID}.example/"],
        )

    def set_timer(self):
        if self.timer:
            self.timer.cancel()
        if FAULT == "sets no timeout":
            return
        self.timer = threading.Timer(TIMEOUT, self.give_up)
        self.timer.daemon = True
        self.timer.start()

    def give_up(self):
        with self.lock:
            if self.state in {"asked", "confirmed"}:
                self.state = "waiting"

    def message(self, _client, _data, message):
        try:
            event = json.loads(message.payload)
            assert isinstance(event, dict)
            uuid.UUID(event["EventId"])
        except Exception:
            if FAULT == "dies of garbage":
                os._exit(3)
            return
        with self.lock:
            self.take(message.topic, event)

    def take(self, topic, event):
        mine = event.get("ClientIdentifier") == ID or FAULT == "takes others' answers"
        if topic == "tracker/hello":
            if event["EventId"] != self.hello or FAULT == "joins twice":
                self.hello = event["EventId"]
                if FAULT != "stays registered" or self.state != "registered":
                    self.join()
        elif topic == "tracker/goodbye":
            self.state = "waiting"
        elif topic == "clients/join/accepted" and mine and self.state == "asked":
            self.accepted(event)
        elif topic == "clients/join/accepted" and mine and FAULT == "confirms again when registered":
            self.publish("clients/join/succeeded")
        elif topic == "clients/join/denied" and mine and self.state == "asked":
            self.state = "waiting"
            if FAULT == "asks again when denied":
                self.join()
        elif topic == "clients/registered":
            if mine and self.state == "confirmed":
                self.state = "registered"
            if event.get("ClientIdentifier") != ID and self.state in {"asked", "confirmed", "registered"}:
                if FAULT != "forgets new files":
                    self.files.update(event["AddedFiles"])
        elif topic == "files/info" and self.state in {"asked", "confirmed", "registered"}:
            self.files[event["Hash"]] = {"Size": event["Size"], "FragmentSequence": event["FragmentSequence"]}

    def accepted(self, event):
        for name in event["RemoveFileInfos"]:
            self.files.pop(name, None)
        if FAULT != "keeps what it knew":
            self.files.update(event["AddFileInfos"])
        for name in event["RemoveFragmentInfos"]:
            self.fragments.pop(name, None)
        if FAULT == "never confirms":
            return
        self.state = "confirmed"
        if FAULT == "sets one timeout":
            self.timer.cancel()
        else:
            self.set_timer()
        if FAULT == "names nobody":
            self.publish("clients/join/succeeded", ClientIdentifier="")
        elif FAULT == "speaks for others":
            self.publish("clients/join/succeeded", ClientIdentifier="another")
        else:
            self.publish("clients/join/succeeded")
            if FAULT == "confirms twice":
                self.publish("clients/join/succeeded")

    def stop(self):
        with self.lock:
            is_known = self.state in {"confirmed", "registered"}
            is_silent = FAULT == "leaves without a word" or not is_known
            goodbye = None if is_silent else self.publish("clients/goodbye")
        if goodbye and FAULT != "leaves in a hurry":
            goodbye.wait_for_publish(2)
        self.client.disconnect()

    def run(self):
        ended = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: ended.set())
        self.client.connect(HOST, PORT)
        self.client.loop_start()
        while not ended.wait(0.1):
            pass
        self.stop()
        self.client.loop_stop()


Torrent().run()
