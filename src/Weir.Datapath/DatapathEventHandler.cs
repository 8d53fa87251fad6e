// SPDX-License-Identifier: Apache-2.0

using Weir.Datapath.Abi;

namespace Weir.Datapath;

/// <summary>Gets one event: memory of the ring, to be copied if it is kept.</summary>
public delegate void DatapathEventHandler(in Event record);
