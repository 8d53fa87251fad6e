// SPDX-License-Identifier: Apache-2.0
namespace Weir.Linux;

/// <summary>What happened, and to whom.</summary>
public readonly record struct EpollEvent(EpollEvents Events, ulong Token);
