// SPDX-License-Identifier: Apache-2.0
using Weir.Net;

namespace Weir.Policy;

/// <summary>Why a connection is allowed or denied: both of its ends judge, each on its own.</summary>
public sealed record Explanation(
    PolicyPeer From,
    PolicyPeer To,
    IpProtocol Protocol,
    ushort Port,
    EndExplanation Egress,
    EndExplanation Ingress)
{
    /// <summary>Whether both ends allow it.</summary>
    public bool Allowed => Egress.Allowed && Ingress.Allowed;

    /// <summary>Whether both allow it, and rules in audit would have refused it at one of them.</summary>
    public bool IsAudited => Allowed && (Egress.IsAudited || Ingress.IsAudited);
}
