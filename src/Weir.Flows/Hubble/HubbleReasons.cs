// SPDX-License-Identifier: Apache-2.0

using Own = Weir.Datapath.Abi.DropReason;

namespace Weir.Flows.Hubble;

/// <summary>Which of Cilium's reasons means the same.</summary>
public static class HubbleReasons
{
    /// <summary>Unknown where none does: the flow's summary has Weir's own words.</summary>
    public static Api.Hubble.DropReason Of(Own reason) => reason switch
    {
        Own.PolicyDenied => Api.Hubble.DropReason.PolicyDenied,
        Own.PolicyDenyRule => Api.Hubble.DropReason.PolicyDeny,
        Own.InvalidSourceIp or Own.SpoofedEndpoint => Api.Hubble.DropReason.InvalidSourceIp,
        Own.InvalidSourceMac => Api.Hubble.DropReason.InvalidSourceMac,
        Own.CtTableFull => Api.Hubble.DropReason.CtMapInsertionFailed,
        Own.Truncated => Api.Hubble.DropReason.CtTruncatedOrInvalidHeader,
        Own.Malformed => Api.Hubble.DropReason.InvalidPacketDropped,
        Own.UnknownL3 => Api.Hubble.DropReason.UnsupportedL3Protocol,
        Own.Vlan => Api.Hubble.DropReason.VlanFiltered,
        Own.ExtensionHeader => Api.Hubble.DropReason.InvalidIpv6ExtensionHeader,
        Own.FragmentNotFound => Api.Hubble.DropReason.FirstLogicalDatagramFragmentNotFound,
        Own.Neighbour => Api.Hubble.DropReason.ForbiddenIcmpv6Message,
        Own.NoEndpoint => Api.Hubble.DropReason.NoMatchingLocalContainerFound,
        Own.NoBackend => Api.Hubble.DropReason.ServiceBackendNotFound,
        Own.NoNextHop => Api.Hubble.DropReason.FibLookupFailed,
        Own.NatNoPort => Api.Hubble.DropReason.NoMappingForNatMasquerade,
        Own.NotPublished => Api.Hubble.DropReason.DeniedByLbSrcRangeCheck,
        Own.NotANode => Api.Hubble.DropReason.UnknownSender,
        Own.ForeignEndpoint => Api.Hubble.DropReason.InvalidIdentity,
        Own.NoNode => Api.Hubble.DropReason.NoTunnelOrEncapsulationEndpoint,
        Own.OverlayPort => Api.Hubble.DropReason.EncapsulationTrafficIsProhibited,
        _ => Api.Hubble.DropReason.Unknown,
    };
}
