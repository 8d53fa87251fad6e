// SPDX-License-Identifier: Apache-2.0

namespace Weir.Store;

/// <summary>What is kept cannot be read, or not by this version. Nothing was changed; the message says what to go back to.</summary>
public sealed class StoreDamagedException(string message, Exception? inner = null) : StoreException(message, inner);
