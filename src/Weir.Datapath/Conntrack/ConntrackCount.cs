// SPDX-License-Identifier: Apache-2.0

using Weir.Datapath.Abi;

namespace Weir.Datapath;

/// <summary>Flows that live at a moment.</summary>
/// <param name="Flows">All of them.</param>
/// <param name="HttpInKernel">Those among them that are open and whose HTTP requests are judged on their way.</param>
/// <param name="HttpByProxy">Those that are open and whose requests the proxy judges, by why it does.</param>
public sealed record ConntrackCount(int Flows, int HttpInKernel, IReadOnlyDictionary<HttpWhy, int> HttpByProxy);
