// The people of a department by name, for whoever assigns work or names a deputy.

import { ROLE_WORDS, ask } from "./words.js";

export async function peopleOf(department) {
  const { items } = await ask(`/api/departments/${encodeURIComponent(department)}/people`);
  return items;
}

const described = ({ name, roles, section }) => [name, section, roles.map((role) => ROLE_WORDS[role]?.[0] ?? role).join("、")].filter(Boolean).join(" · ");

// As options of a choice: the login is what is sent, the name what is read.
export const options = (people) => people.map((person) => [person.login, described(person)]);

export const nameIn = (people, login) => people.find((person) => person.login === login)?.name ?? login;
