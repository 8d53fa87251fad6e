// SPDX-License-Identifier: Apache-2.0

using Weir.Net;

namespace Weir.Store;

/// <summary>Nobody knows whether a transaction was carried through: the store was lost while it had it, and may still do it. Read
/// the records again before anything is built upon either answer. No <see cref="StoreException"/>, which says that nothing was
/// done.</summary>
public sealed class OutcomeUnknownException(string message, Exception? inner = null) : WeirException(message, inner);
