// SPDX-License-Identifier: Apache-2.0

using Weir.Datapath.Abi;

namespace Weir.Datapath;

/// <summary>Gets a connection that ended: memory of the ring, to be copied if it is kept.</summary>
public delegate void TcpEventHandler(in TcpEvent record);
