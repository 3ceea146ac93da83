"""How surfaces reach the controller: UDP, TCP, WebSocket, OSCQuery, and the packets in them."""
