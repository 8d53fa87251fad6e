// SPDX-License-Identifier: Apache-2.0

using Weir.Services;

namespace Weir.Control.Services;

/// <summary>How many slots a service's tables need. Every node makes the same table of the same backends as long as it has the
/// same size, and a table never shrinks while flows may live: the nodes tell one another the largest. Pure.</summary>
/// <param name="Ipv4">A power of two; 0: none yet.</param>
internal sealed record TableSize(uint Ipv4, uint Ipv6)
{
    internal static TableSize None { get; } = new(0, 0);

    internal uint Of(bool isIpv6) => isIpv6 ? Ipv6 : Ipv4;

    internal TableSize Max(TableSize other) => new(Math.Max(Ipv4, other.Ipv4), Math.Max(Ipv6, other.Ipv6));

    /// <summary>What a service's frontends need by its backends, and what any node had before.</summary>
    internal static TableSize Of(Service service) => new(
        service.Spec.Frontends.Any(frontend => !frontend.IsIpv6) ? For(service, isIpv6: false, 0) : 0,
        service.Spec.Frontends.Any(frontend => frontend.IsIpv6) ? For(service, isIpv6: true, 0) : 0);

    /// <param name="current">What this node has.</param>
    internal static uint For(Service service, bool isIpv6, uint current) => (uint)MaglevTable.SizeFor(
        [.. service.Members.Where(member => member.Address.IsIpv6 == isIpv6).Select(member => ShareOf(member, 1))],
        (int)Math.Max(current, Math.Min(service.Size.Of(isIpv6), MaglevTable.MostSlots)));

    /// <summary>By its address, so that every node makes the same table.</summary>
    internal static MaglevBackend ShareOf(Member member, uint id) => new(member.Address.ToString(), id, Math.Max(member.Spec.Weight, 1));
}
