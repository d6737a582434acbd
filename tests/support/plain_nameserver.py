"""A name server for machines without NSD: ``plain_nameserver.py ADDRESS PORT FOLDER ZONE...``.

It reads its zones again for every question, follows CNAMEs within them, and refuses the rest.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.zone
from dns.rdatatype import CNAME, SOA

MOST_CNAMES = 8


def main(address: str, port: str, folder: str, *names: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, int(port)))
        while True:
            data, client = server.recvfrom(65535)
            zones = [
                dns.zone.from_file(str(Path(folder) / name), name, relativize=False)
                for name in names
            ]
            server.sendto(answered(dns.message.from_wire(data), zones).to_wire(), client)


def answered(question: dns.message.Message, zones: list[dns.zone.Zone]) -> dns.message.Message:
    made = dns.message.make_response(question)
    made.flags |= dns.flags.AA
    (asked,) = question.question
    name = asked.name
    if zone_of(name, zones) is None:
        made.set_rcode(dns.rcode.REFUSED)
        return made
    for _ in range(MOST_CNAMES):
        zone = zone_of(name, zones)
        if zone is None:
            return made
        found = zone.get_rrset(name, asked.rdtype) or zone.get_rrset(name, CNAME)
        if found is None:
            made.authority = [zone.find_rrset(zone.origin, SOA)]
            made.set_rcode(dns.rcode.NOERROR if zone.get_node(name) else dns.rcode.NXDOMAIN)
            return made
        made.answer.append(found)
        if found.rdtype == asked.rdtype:
            return made
        name = found[0].target
    return made


def zone_of(name: dns.name.Name, zones: list[dns.zone.Zone]) -> dns.zone.Zone | None:
    return next((zone for zone in zones if zone.origin and name.is_subdomain(zone.origin)), None)


if __name__ == "__main__":
    main(*sys.argv[1:])
