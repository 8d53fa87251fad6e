// SPDX-License-Identifier: Apache-2.0
using System.Net;

namespace Weir.Proxy;

/// <summary>A connection that a worker is to serve.</summary>
/// <param name="Client">Socket to the client.</param>
/// <param name="Server">Socket to its server, where the connection was taken over in its middle; null: there is none yet.</param>
/// <param name="Source">The client.</param>
/// <param name="Destination">Where it meant to go.</param>
/// <param name="IsLater">Requests went to the server before, which others have judged.</param>
internal readonly record struct Arrival(int Client, int? Server, IPEndPoint Source, IPEndPoint Destination, bool IsLater = false);
