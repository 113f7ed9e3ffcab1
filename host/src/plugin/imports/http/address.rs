//! Which IP addresses belong to the public internet.
//!
//! The lists follow IANA's registries of special-purpose addresses. A guest that may call
//! a public name must not reach what only this machine or its network can: databases,
//! other services, a cloud's metadata.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network, the length of its prefix, and what it is for.
type Network<A> = (A, u32, &'static str);

const V4: [Network<Ipv4Addr>; 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, "unspecified"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "of a provider's network"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "for protocols"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "for documentation"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "of a 6to4 relay"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "for benchmarks"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "for documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "for documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
];

/// All of what is global today; everything outside is blocked.
const V6_GLOBAL: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Within and without: the latter only to say why.
const V6: [Network<Ipv6Addr>; 15] = [
    (Ipv6Addr::UNSPECIFIED, 128, "unspecified"),
    (Ipv6Addr::LOCALHOST, 128, "loopback"),
    (v6(0, 0, 0, 0xffff), 96, "IPv4 in disguise"),
    (Ipv6Addr::UNSPECIFIED, 96, "IPv4 in disguise"),
    (v6(0x64, 0xff9b, 0, 0), 96, "IPv4 behind NAT64"),
    (v6(0x64, 0xff9b, 1, 0), 48, "IPv4 behind NAT64"),
    (v6(0x100, 0, 0, 0), 64, "for discarding"),
    (v6(0x2001, 0xdb8, 0, 0), 32, "for documentation"),
    (v6(0x2001, 0, 0, 0), 23, "for protocols"),
    (v6(0x2002, 0, 0, 0), 16, "IPv4 through 6to4"),
    (v6(0x3fff, 0, 0, 0), 20, "for documentation"),
    (v6(0xfc00, 0, 0, 0), 7, "private"),
    (v6(0xfe80, 0, 0, 0), 10, "link-local"),
    (v6(0xfec0, 0, 0, 0), 10, "private"),
    (v6(0xff00, 0, 0, 0), 8, "multicast"),
];

/// The first three groups, and the sixth.
const fn v6(first: u16, second: u16, third: u16, sixth: u16) -> Ipv6Addr {
    Ipv6Addr::new(first, second, third, 0, 0, sixth, 0, 0)
}

/// Why an address is not public; none when it is.
pub fn special(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => {
            let within = |network: &&Network<Ipv4Addr>| {
                (address.to_bits() ^ network.0.to_bits()) >> (32 - network.1) == 0
            };
            V4.iter().find(within).map(|network| network.2)
        }
        IpAddr::V6(address) => {
            let within = |network: Ipv6Addr, prefix: u32| {
                (address.to_bits() ^ network.to_bits()) >> (128 - prefix) == 0
            };
            let named = V6.iter().find(|network| within(network.0, network.1));
            let why = named.map(|network| network.2);
            let (global, prefix) = V6_GLOBAL;
            why.or((!within(global, prefix)).then_some("not assigned"))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Option<&'static str> {
        special(text.parse().expect(text))
    }

    #[test]
    fn public_addresses_are_public() {
        for text in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::",
            "2003::1",
            "2606:4700::1111",
            "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn first_and_last_addresses_of_special_networks_are_special() {
        for (text, why) in [
            ("0.0.0.0", "unspecified"),
            ("10.0.0.0", "private"),
            ("10.255.255.255", "private"),
            ("100.64.0.0", "of a provider's network"),
            ("100.127.255.255", "of a provider's network"),
            ("127.0.0.1", "loopback"),
            ("127.255.255.255", "loopback"),
            ("169.254.169.254", "link-local"),
            ("172.16.0.0", "private"),
            ("172.31.255.255", "private"),
            ("192.0.0.170", "for protocols"),
            ("192.0.2.1", "for documentation"),
            ("192.88.99.1", "of a 6to4 relay"),
            ("192.168.255.255", "private"),
            ("198.19.255.255", "for benchmarks"),
            ("198.51.100.1", "for documentation"),
            ("203.0.113.1", "for documentation"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.255", "multicast"),
            ("255.255.255.255", "reserved"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("::127.0.0.1", "IPv4 in disguise"),
            ("::ffff:127.0.0.1", "IPv4 in disguise"),
            ("::ffff:1.1.1.1", "IPv4 in disguise"),
            ("64:ff9b::7f00:1", "IPv4 behind NAT64"),
            ("64:ff9b:1::1", "IPv4 behind NAT64"),
            ("100::1", "for discarding"),
            ("2001::1", "for protocols"),
            ("2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "for protocols"),
            ("2001:db8::1", "for documentation"),
            ("2002:7f00:1::", "IPv4 through 6to4"),
            ("3fff:fff::1", "for documentation"),
            ("fc00::1", "private"),
            ("fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "private"),
            ("fe80::1", "link-local"),
            ("febf::1", "link-local"),
            ("fec0::1", "private"),
            ("ff02::1", "multicast"),
            ("4000::", "not assigned"),
            ("5f00::1", "not assigned"),
        ] {
            assert_eq!(of(text), Some(why), "{text}");
        }
    }

    proptest! {
        /// Whatever the standard library knows not to be public is special here.
        #[test]
        fn what_the_standard_library_knows_is_special(bits: u32) {
            let address = Ipv4Addr::from_bits(bits);
            let known = address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_broadcast()
                || address.is_documentation()
                || address.is_multicast()
                || address.is_unspecified();
            prop_assert!(!known || special(address.into()).is_some(), "{address}");
        }

        /// No IPv4 address becomes reachable by being written as an IPv6 one.
        #[test]
        fn no_way_of_writing_ipv4_as_ipv6_is_public(bits: u32) {
            let address = Ipv4Addr::from_bits(bits);
            let [high, low] = [(bits >> 16) as u16, bits as u16];
            for disguised in [
                address.to_ipv6_mapped(),
                address.to_ipv6_compatible(),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, high, low),
                Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
                Ipv6Addr::new(0x2001, 0, high, low, 0, 0, !high, !low),
            ] {
                prop_assert!(special(disguised.into()).is_some(), "{disguised}");
            }
        }

        /// Only 2000::/3 is in use.
        #[test]
        fn ipv6_outside_the_global_range_is_special(bits: u128) {
            let address = Ipv6Addr::from_bits(bits);
            prop_assert!(bits >> 125 == 1 || special(address.into()).is_some(), "{address}");
        }
    }
}
