// SPDX-License-Identifier: Apache-2.0

using Weir.Net;

namespace Weir.Store.Etcd.Connecting;

/// <summary>The connection that a request was for is gone, and the request was never sent.</summary>
internal sealed class ConnectionLostException(string endpoint) : WeirException($"the connection to {endpoint} was lost");
