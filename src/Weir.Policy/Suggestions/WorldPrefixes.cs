// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Policy.Suggestions;

/// <summary>Prefixes for addresses outside: each for itself while they are few; where they are many, those of one network
/// together; where they are very many, the world.</summary>
internal static class WorldPrefixes
{
    /// <summary>So many are told one by one.</summary>
    public const int Few = 16;

    /// <summary>With more it is the world.</summary>
    public const int Most = 64;

    private const int Neighbours = 4;
    private const int NetworkLength4 = 24;
    private const int NetworkLength6 = 48;

    /// <returns>For each the prefix that stands for it; null: it is the world.</returns>
    public static IReadOnlyDictionary<IpPrefix, IpPrefix>? Of(IReadOnlyCollection<IpPrefix> places)
    {
        IpPrefix[] own = [.. places.Select(place => place.Masked).Distinct()];
        if (own.Length <= Few)
        {
            return places.ToDictionary(place => place, place => place.Masked);
        }

        HashSet<IpPrefix> networks = [.. own.Where(place => place.Length > NetworkOf(place).Length).GroupBy(NetworkOf).Where(network => network.Count() >= Neighbours).Select(network => network.Key)];
        var chosen = places.ToDictionary(place => place, place => networks.Contains(NetworkOf(place)) && place.Length >= NetworkOf(place).Length ? NetworkOf(place) : place.Masked);
        return chosen.Values.Distinct().Count() > Most ? null : chosen;
    }

    private static IpPrefix NetworkOf(IpPrefix place) => new IpPrefix(place.Address, place.IsIpv6 ? NetworkLength6 : NetworkLength4).Masked;
}
