// SPDX-License-Identifier: Apache-2.0
using Weir.Bpf;

namespace Weir.Datapath;

/// <summary>Two loaded programs for one device, and by what their attachments are known as Weir's.</summary>
/// <param name="Ingress">Sees what the device receives.</param>
/// <param name="Egress">Sees what it sends.</param>
/// <param name="Pin">Start of the names of the links' pins.</param>
/// <param name="Place">Of the filters, where there are no links.</param>
internal sealed record DevicePrograms(BpfProgram Ingress, BpfProgram Egress, string Pin, FilterPlace Place);
