// SPDX-License-Identifier: Apache-2.0

using System.Net;
using Weir.Datapath.Abi;

namespace Weir.Datapath;

/// <summary>A backend as the datapath has it.</summary>
/// <param name="Id">Index of weir_backend.</param>
/// <param name="NextHop">Null: none was set.</param>
public sealed record BackendRow(uint Id, IPAddress Address, ushort Port, BackendFlag Flags, NextHop? NextHop);
