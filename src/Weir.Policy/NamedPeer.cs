// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy;

/// <summary>A peer with the name people know it by, such as a container's.</summary>
public sealed record NamedPeer(string Name, PolicyPeer Peer);
