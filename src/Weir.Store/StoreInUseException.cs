// SPDX-License-Identifier: Apache-2.0

namespace Weir.Store;

/// <summary>Another process has the folder.</summary>
public sealed class StoreInUseException(string message, Exception inner) : StoreException(message, inner);
