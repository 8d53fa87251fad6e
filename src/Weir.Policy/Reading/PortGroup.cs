// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Reading;

/// <summary>Ports that share a list of requests; null: requests are not looked at.</summary>
internal sealed record PortGroup(List<PortSelector> Ports, List<HttpEntry>? Http);
