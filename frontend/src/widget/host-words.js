// What the launcher says on the shop's page.
export const hostWords = {
  en: {
    help: 'Help',
    open: 'Open chat',
    openUnread: (n) => `Open chat, ${n} unread`,
    chatWith: (name) => `Chat with ${name}`,
  },
  vi: {
    help: 'Hỗ trợ',
    open: 'Mở chat',
    openUnread: (n) => `Mở chat, ${n} tin chưa đọc`,
    chatWith: (name) => `Chat với ${name}`,
  },
};
