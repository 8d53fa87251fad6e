// SPDX-License-Identifier: Apache-2.0

using Weir.Net;

namespace Weir.Control.Publishing;

/// <summary>One entry of a label: to whom it opens which port.</summary>
/// <param name="Port">The host's; null: every port that the container publishes.</param>
/// <param name="Protocol">Null: of any protocol.</param>
/// <param name="From">Of both families for everybody.</param>
internal sealed record PublishGrant(ushort? Port, IpProtocol? Protocol, IReadOnlyList<IpPrefix> From)
{
    internal bool Opens(ushort port, IpProtocol protocol) => (Port ?? port) == port && (Protocol ?? protocol) == protocol;
}
