"""Diagrams as strangers write them, each with the arrows it means: `line sender>receiver label`, `x>` if lost."""

import pytest

from spec.notation import print_diagram, read
from tests.support.arrows import arrows

OAUTH = r"""
title OAuth 2.0 **Authorization Code** Flow (with PKCE)

actor "Resource\nOwner" as user
participant "Single Page App" as spa #lightblue
participant Auth Server
database "User Store" as db

autonumber 1
user->spa:Click "Log in"
spa->spa:Generate code_verifier\nand code_challenge
spa->Auth Server:GET https://a.example/auth?type=code&client_id=1\n&redirect_uri=https://a.example/cb
Auth Server-->user:302 -> login page
user->Auth Server:credentials
activate Auth Server
Auth Server->db:SELECT * FROM users WHERE name = ?
db-->Auth Server:row
alt #lightgreen credentials ok
Auth Server-->spa:code
deactivate Auth Server
spa->Auth Server:POST /token {"code": "abc", "verifier": "xyz"}
Auth Server-->>spa:<color:#green>access_token</color> + id_token
else #pink wrong password
Auth Server--#redxspa:401 Unauthorized
end
note over spa,Auth Server #lightyellow:token is kept in memory\n//not// in local storage
"""
OAUTH_ARROWS = [
    '9 user>spa Click "Log in"',
    "10 spa>spa Generate code_verifier\nand code_challenge",
    "11 spa>Auth Server GET https://a.example/auth?type=code&client_id=1\n&redirect_uri=https://a.example/cb",
    "12 Auth Server>user 302 -> login page",
    "13 user>Auth Server credentials",
    "15 Auth Server>db SELECT * FROM users WHERE name = ?",
    "16 db>Auth Server row",
    "18 Auth Server>spa code",
    '20 spa>Auth Server POST /token {"code": "abc", "verifier": "xyz"}',
    "21 Auth Server>spa access_token + id_token",
    "23 Auth Serverx>spa 401 Unauthorized",
]

CHECKOUT = r"""
title Checkout
participant Browser
participantgroup #f0f0f0 **Shop**
participant "Web\nFrontend" as web-frontend
participant checkout-svc
participantgroup Data
database orders-db
end
end
participant "Payment (Stripe)" as stripe
Browser->web-frontend:POST /checkout
web-frontend->checkout-svc:createOrder()
checkout-svc->orders-db:INSERT
orders-db-->checkout-svc:
loop 3 times
checkout-svc->(2)stripe:charge(card)
break card declined
stripe-->checkout-svc:402
checkout-svc-->Browser:Sorry
end
end
stripe-->checkout-svc:200 **OK**
checkout-svc->*Mailer:<<create>>
Mailer->]:e-mail
destroy Mailer
opt
[->web-frontend:GET /health
web-frontend-->[:200
end
"""
CHECKOUT_ARROWS = [
    "11 Browser>web-frontend POST /checkout",
    "12 web-frontend>checkout-svc createOrder()",
    "13 checkout-svc>orders-db INSERT",
    "14 orders-db>checkout-svc",
    "16 checkout-svc>stripe charge(card)",
    "18 stripe>checkout-svc 402",
    "19 checkout-svc>Browser Sorry",
    "22 stripe>checkout-svc 200 OK",
    "23 checkout-svc*>Mailer <<create>>",
    "24 Mailer>[] e-mail",
    "27 []>web-frontend GET /health",
    "28 web-frontend>[] 200",
]

TCP = r"""
# three-way handshake, and what happens when a segment is lost
participant "Client\n192.168.0.2" as C
participant "Server\n10.0.0.1:80" as S
entryspacing 0.7
== LISTEN ==
C->(3)S:SYN seq=100
S->(3)C:SYN+ACK seq=300 ack=101
C-(3)>S:ACK ack=301
==ESTABLISHED==#lightgreen
C-xS:DATA (lost)
C(5)x--S:ACK ??
space -2
C<<--S:ACK again
C<->S:keep alive
parallel
C->S:FIN
S->C:FIN
parallel off
"""
TCP_ARROWS = [
    "6 C>S SYN seq=100",
    "7 S>C SYN+ACK seq=300 ack=101",
    "8 C>S ACK ack=301",
    "10 Cx>S DATA (lost)",
    "11 Sx>C ACK ??",
    "13 S>C ACK again",
    "14 C<>S keep alive",
    "16 C>S FIN",
    "17 S>C FIN",
]

MICROSERVICES = r"""
title Order saga, Ünïcode, dashes & dots
fontawesome5solid f0c2 "++**API GW**++" as api.gateway #1da1f2
control order-service (v2)
entity Linux-box 7
boundary x-proxy
materialdesignicons F1B0 "Kafka" as kafka
participant nginx
lifelinestyle #gray;1;dashed
api.gateway->x-proxy: GET /orders/{id}
x-proxy->order-service (v2): GET /orders/{id}
order-service (v2)->Linux-box 7: spawn
Linux-box 7-->>order-service (v2): done
order-service (v2)-xkafka: OrderCreated
order-service (v2)-[#red;3]xkafka: OrderCreated (retry)
kafkax-order-service (v2): still lost
nginx->x-proxy
nginx-->x-proxy:
box over kafka:topic: orders
abox right of kafka##fancy:partition 0
state over order-service (v2):PENDING
aboxleft over nginx:x
group Compensation [if failed]
order-service (v2)->kafka: OrderCancelled
end
"""
MICROSERVICES_ARROWS = [
    "9 api.gateway>x-proxy GET /orders/{id}",
    "10 x-proxy>order-service (v2) GET /orders/{id}",
    "11 order-service (v2)>Linux-box 7 spawn",
    "12 Linux-box 7>order-service (v2) done",
    "13 order-service (v2)x>kafka OrderCreated",
    "14 order-service (v2)x>kafka OrderCreated (retry)",
    "15 order-service (v2)x>kafka still lost",
    "16 nginx>x-proxy",
    "17 nginx>x-proxy",
    "23 order-service (v2)>kafka OrderCancelled",
]

MQTT = r"""
title MQTT QoS 2

participant Publisher
participant Broker
participant Subscriber
Publisher->>Broker:PUBLISH //topic// (QoS 2, DUP=0)
Broker-->>Publisher:PUBREC
Publisher->>Broker:PUBREL
Broker-->>Publisher:PUBCOMP
par
Broker->>Subscriber:PUBLISH
Broker-->>Publisher:log
end
par first
Broker->>Subscriber:a
thread second
Broker->>Subscriber:b
end
ref over Publisher,Subscriber:**sd** Disconnect
"""
MQTT_ARROWS = [
    "6 Publisher>Broker PUBLISH topic (QoS 2, DUP=0)",
    "7 Broker>Publisher PUBREC",
    "8 Publisher>Broker PUBREL",
    "9 Broker>Publisher PUBCOMP",
    "11 Broker>Subscriber PUBLISH",
    "12 Broker>Publisher log",
    "15 Broker>Subscriber a",
    "17 Broker>Subscriber b",
]

UNDECLARED = r"""
title Login
User->Login Page: enter name & password
Login Page->Auth-Service: POST /login
Auth-Service->LDAP (corp.): bind
LDAP (corp.)-->Auth-Service: ok
Auth-Service-->Login Page: 200, JWT
note right of Login Page: expires in 1h
Login Page-->User: Welcome -- again
"""
UNDECLARED_ARROWS = [
    "2 User>Login Page enter name & password",
    "3 Login Page>Auth-Service POST /login",
    "4 Auth-Service>LDAP (corp.) bind",
    "5 LDAP (corp.)>Auth-Service ok",
    "6 Auth-Service>Login Page 200, JWT",
    "8 Login Page>User Welcome -- again",
]

STYLED = r"""
style hot #red #yellow;2;dashed,**
participantstyle #lightgray #black;1;solid
messagestyle ##hot
fontfamily mono
participantspacing equal
bottomparticipants
participant A##hot
rparticipant "B" as B #lightblue #navy;2;dotted
activecolor #lightgreen
autoactivation on
A-##hot>B:styled
A-[##hot]>B##hot:styled
B-#00ff00:2>>A:green
B--:3>A:thick
A<#red--B:coloured backwards
A<[#red;3]-B:coloured backwards
alt ##hot guard
A->B:x
else #red #white #blue;2;dashed other
A->B:y
end
expandable+ #gray Details
A->B:hidden
end
expandable- Open
A->B:shown
end
"""
STYLED_ARROWS = [
    "11 A>B styled",
    "12 A>B styled",
    "13 B>A green",
    "14 B>A thick",
    "15 B>A coloured backwards",
    "16 B>A coloured backwards",
    "18 A>B x",
    "20 A>B y",
    "23 A>B hidden",
    "26 A>B shown",
]

WINDOWS = (
    "\ufefftitle Windows\r\n\tparticipant A\u00a0\r\n  actor B \r\n\r\nA -> B : hello\u00a0\r\n B --> A:  bye\t\r\n"
)
WINDOWS_ARROWS = ["5 A>B hello", "6 B>A bye"]

LIFE_CYCLE = r"""
actor Admin
create Session
Admin->Session:open
Admin->*Worker 1:<<new>>
activate Worker 1
Worker 1-->>Admin:ready
deactivateafter Worker 1
destroyafter Worker 1
Admin->Worker 1:stop
destroysilent Session
critical #pink section
Admin->Admin:audit
end
neg
Admin->Session:too late
end
ignore ping, pong
consider open
assert
strict
seq
region
Admin->Admin:nested
end
end
end
end
end
end
"""
LIFE_CYCLE_ARROWS = [
    "3 Admin>Session open",
    "4 Admin*>Worker 1 <<new>>",
    "6 Worker 1>Admin ready",
    "9 Admin>Worker 1 stop",
    "12 Admin>Admin audit",
    "15 Admin>Session too late",
    "23 Admin>Admin nested",
]

TROUBLE_TICKET = r"""
title Incident //#42//
participant "Support\n(1st level)" as L1
participant "Support\n(2nd level)" as L2
customer->L1:It's broken!!! 100% :(
L1->L2:escalate: see https://tracker/issues/42 // or call
L2-->L1:can't reproduce -> closed
alt happy
customer->L1:5 *****
else not happy [after 2 days]
customer-xL1:e-mail bounced
L1x--customer:no answer
end
"""
TROUBLE_TICKET_ARROWS = [
    "4 customer>L1 It's broken!!! 100% :(",
    "5 L1>L2 escalate: see https://tracker/issues/42 // or call",
    "6 L2>L1 can't reproduce -> closed",
    "8 customer>L1 5 *****",
    "10 customerx>L1 e-mail bounced",
    "11 customerx>L1 no answer",
]

CLEAN = {
    "oauth": (OAUTH, OAUTH_ARROWS),
    "checkout": (CHECKOUT, CHECKOUT_ARROWS),
    "tcp": (TCP, TCP_ARROWS),
    "microservices": (MICROSERVICES, MICROSERVICES_ARROWS),
    "mqtt": (MQTT, MQTT_ARROWS),
    "undeclared": (UNDECLARED, UNDECLARED_ARROWS),
    "styled": (STYLED, STYLED_ARROWS),
    "windows": (WINDOWS, WINDOWS_ARROWS),
    "life cycle": (LIFE_CYCLE, LIFE_CYCLE_ARROWS),
    "trouble ticket": (TROUBLE_TICKET, TROUBLE_TICKET_ARROWS),
}

TOLD = {"life cycle": [(9, "warning")]}
"""A message to a lifeline that was destroyed is the one thing in them that is not right."""


@pytest.mark.parametrize("name", CLEAN)
def test_a_strangers_diagram_is_read_without_a_word(name: str) -> None:
    text, expected = CLEAN[name]
    diagram = read(text.lstrip("\n"))
    assert [(each.line, each.severity) for each in diagram.diagnostics] == TOLD.get(name, [])
    assert arrows(diagram) == expected


@pytest.mark.parametrize("name", CLEAN)
def test_a_strangers_diagram_is_printed_as_it_was_read(name: str) -> None:
    diagram = read(CLEAN[name][0])
    again = read(print_diagram(diagram))
    assert [each.severity for each in again.diagnostics] == [severity for _, severity in TOLD.get(name, [])]
    assert again.meaning() == diagram.meaning()
    assert again.presentation() == diagram.presentation()


def test_the_cast_of_the_strangers() -> None:
    lifelines = read(CHECKOUT).lifelines
    assert [(each.name, each.label, each.group) for each in lifelines] == [
        ("Browser", "Browser", None),
        ("web-frontend", "Web\nFrontend", "Shop"),
        ("checkout-svc", "checkout-svc", "Shop"),
        ("orders-db", "orders-db", "Shop / Data"),
        ("stripe", "Payment (Stripe)", None),
        ("Mailer", "Mailer", None),
    ]
