"""The only room that uses AWS: tables, queues, parameters, alerts and sockets, in the domain's terms."""
