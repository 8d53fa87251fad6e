// SPDX-License-Identifier: Apache-2.0
using Weir.Net;
using Weir.Policy;

namespace Weir.Control.Tests.Model;

/// <summary>Reads a policy map as the datapath's programs do: the longest match for the identity, else for any.</summary>
internal static class PolicyMapReader
{
    /// <param name="entries">Null: the endpoint has no map.</param>
    internal static (bool Allowed, uint HttpPolicy) Read(IReadOnlyList<PolicyMapEntry>? entries, Identity peer, PolicyDirection direction, IpProtocol protocol, ushort port)
    {
        foreach (uint identity in (uint[])[peer.Value, 0])
        {
            PolicyMapEntry[] matching =
            [
                .. (entries ?? []).Where(entry => entry.Identity == identity && entry.Direction == direction
                    && (entry.Protocol is null || (entry.Protocol == (byte)protocol && (entry.Port ^ port) >> (16 - entry.PortPrefixLength) == 0))),
            ];
            if (matching.Length > 0)
            {
                PolicyMapEntry longest = matching.MaxBy(entry => entry.Protocol is null ? -1 : entry.PortPrefixLength);
                return (longest.Allow, longest.HttpPolicyId);
            }
        }

        return (false, 0);
    }
}
